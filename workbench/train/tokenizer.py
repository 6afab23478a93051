"""The tokenizer of a model folder. Imports no torch of its own, for whoever wants to see tokens only."""

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from workbench.errors import InvalidError


def load_tokenizer(model_path: str) -> PreTrainedTokenizerBase:
    """The model's tokenizer. Raises InvalidError when there is none, or it has no end-of-text token."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(model_path, local_files_only=True)
    except (OSError, ValueError) as error:
        first = str(error).strip().splitlines()[0]
        raise InvalidError(f"{model_path}: no usable tokenizer ({first})", "save the tokenizer there too") from error
    if tokenizer.eos_token_id is None:
        raise InvalidError(f"{model_path}: the tokenizer has no end-of-text token", "set eos_token in its config")
    return tokenizer
