"""Damage of a store: found (`find`) and mended (`mend`); beside them, table by table, what should agree with what."""
