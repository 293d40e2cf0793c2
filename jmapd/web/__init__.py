"""The front's doors: listeners, HTTP, the resource tree, the WebSocket."""
