"""The words by which libraries say that memory ran out, on the GPU or on this machine."""

# bitsandbytes prints its line and ends the process; the others raise.
_CUDA = (
    "CUDA out of memory",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUSOLVER_STATUS_ALLOC_FAILED",
    "Error out of memory at line",
)
_HOST = ("can't allocate memory", "Cannot allocate memory", "std::bad_alloc")


def out_of_memory(text: str) -> str | None:
    """`cuda_oom` or `host_oom` where a message or the last lines of a log tell of it, None where they do not."""
    if any(words in text for words in _CUDA):
        return "cuda_oom"
    return "host_oom" if any(words in text for words in _HOST) else None
