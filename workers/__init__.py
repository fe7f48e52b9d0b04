"""The processes that work without anybody waiting: an RQ worker and the scheduler that feeds it."""
