"""The operation "request": a JMAP Request, in either kind of worker."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import attrs

from jmapd.datatypes import assembly
from jmapd.datatypes.email.query import has_header
from jmapd.methods.context import Context, NeedsPreparation, NeedsWriter, UserUnknown
from jmapd.methods.dispatch import Dispatch, Refused, read_request
from jmapd.protocol.errors import MethodError, RequestError
from jmapd.protocol.subprotocol import Binding, render_response
from jmapd.store.store import Store
from jmapd.workers import answers
from jmapd.workers.answers import Answer
from jmapd.workers.channel import Frame
from jmapd.workers.settings import WorkerSettings


@attrs.frozen
class Requests:
    """Executes Requests within a transaction that is open already.

    :param around: what a method's work is done inside of.
    """

    store: Store
    settings: WorkerSettings
    dispatch: Dispatch

    @classmethod
    def open(
        cls, store: Store, settings: WorkerSettings, around: Callable[[], AbstractContextManager[None]]
    ) -> Requests:
        """Put the methods together, and what the store asks of them."""
        store.database.define("has_header", has_header)
        return cls(store, settings, Dispatch(assembly.methods(), around))

    def answer(self, frame: Frame, unwritable: MethodError | None = None) -> Answer:
        """Execute a Request.

        :param unwritable: what each call gets that would write.
        """
        binding = Binding(frame.arguments["binding"])
        text, prepared = answers.split_prepared(frame.arguments, frame.body)
        context = Context(
            self.store,
            self.settings.limits,
            frame.arguments["user"],
            int(time.time() * 1000),
            uploads=self.settings.uploads,
            credential=frame.arguments["credential"],
            max_push_subscriptions=self.settings.max_push_subscriptions,
            writing=self.settings.writer,
            read_only=frame.arguments.get("read_only", False),
            prepared=prepared,
            unwritable=unwritable,
        )
        id = None
        try:
            request = read_request(text, binding, self.settings.limits, assembly.CAPABILITIES)
            id = request.id
            state = context.session_state(self.settings.digest)
            response = render_response(self.dispatch.execute(request, context, state), binding, id)
        except Refused as refused:
            return answers.request_error(refused.error, binding, refused.id)
        except UserUnknown:
            gone = RequestError(None, "This account has been deleted.", status=403)
            return answers.request_error(gone, binding, id)
        except NeedsWriter:
            return answers.REDIRECT
        except NeedsPreparation as needs:
            return answers.needs(needs.wanted)
        concerned = (context.user,) if context.push_subscriptions_changed else ()
        return Answer({"status": 200}, response, context.changed, context.read, push_subscriptions=concerned)
