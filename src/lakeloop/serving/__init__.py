"""The online answer: a published model and the newest features of an entity, over HTTP. It needs no Spark."""
