"""Models that cannot be adapted: each refused with its kind and the way out."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.plan.support import LLAMA_CONFIG, llama_tensors, write_config, write_llama, write_safetensors
from workbench.errors import InvalidError
from workbench.plan.model_map import load_map


def refused(folder: Path) -> InvalidError:
    with pytest.raises(InvalidError) as error:
        load_map(folder)
    assert str(folder) in error.value.title
    assert error.value.hint
    assert error.value.exit_code == 3
    return error.value


@pytest.mark.parametrize(
    ("quantized", "method"),
    [
        ({"quant_method": "gptq", "bits": 4}, "gptq 4-bit"),
        ({"quant_method": "awq", "bits": 4, "version": "gemm"}, "awq 4-bit"),
        (
            {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"},
            "bitsandbytes nf4 4-bit",
        ),
        ({"load_in_4bit": False, "load_in_8bit": True}, "bitsandbytes 8-bit"),
        ({"quant_method": "fp8"}, "fp8"),
    ],
)
def test_a_config_that_says_quantized(tmp_path: Path, quantized: dict[str, Any], method: str) -> None:
    error = refused(write_llama(tmp_path / "m", quantization_config=quantized))
    assert f"already quantized ({method})" in error.title
    assert "unquantized original" in error.hint


@pytest.mark.parametrize(("name", "method"), [("quantize_config.json", "gptq"), ("quant_config.json", "awq")])
def test_a_file_that_says_quantized(tmp_path: Path, name: str, method: str) -> None:
    folder = write_llama(tmp_path / "m")
    (folder / name).write_text('{"bits": 4}', encoding="utf-8")
    assert f"already quantized ({method}, says {name})" in refused(folder).title


@pytest.mark.parametrize(
    ("ending", "method"),
    [
        ("weight.quant_state.bitsandbytes__nf4", "bitsandbytes nf4"),
        ("weight.absmax", "bitsandbytes 4-bit"),
        ("SCB", "bitsandbytes 8-bit"),
        ("g_idx", "gptq"),
        ("qweight", "gptq or awq"),
    ],
)
def test_tensors_that_say_quantized(tmp_path: Path, ending: str, method: str) -> None:
    folder, name = write_llama(tmp_path / "m"), f"model.layers.0.mlp.up_proj.{ending}"
    write_safetensors(folder / "model.safetensors", {**llama_tensors(4), name: (4,)}, "U8", 1)
    title = refused(folder).title
    assert f"already quantized ({method}" in title
    assert name in title


def test_a_model_that_bitsandbytes_saved(tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    from tests.families import save_random

    plain = save_random("llama", tmp_path / "plain", hidden_size=64, intermediate_size=64)
    config = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4")
    model = AutoModelForCausalLM.from_pretrained(
        plain, quantization_config=config, dtype=torch.float32, device_map={"": "cpu"}
    )
    model.save_pretrained(tmp_path / "quantized")
    assert "already quantized (bitsandbytes nf4 4-bit)" in refused(tmp_path / "quantized").title
    write_config(tmp_path / "quantized", LLAMA_CONFIG)
    assert "already quantized (bitsandbytes nf4 4-bit, says the tensor" in refused(tmp_path / "quantized").title


@pytest.mark.parametrize("model_type", ["mixtral", "qwen2_moe", "qwen3_moe"])
def test_mixtures_of_experts(tmp_path: Path, model_type: str) -> None:
    import transformers

    sizes = {"hidden_size": 16, "intermediate_size": 16, "moe_intermediate_size": 16, "num_hidden_layers": 1}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 2, "vocab_size": 20}
    config = transformers.AutoConfig.for_model(model_type, **sizes, **heads)
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    error = refused(tmp_path)
    assert f"a mixture of experts ({model_type})" in error.title
    assert "dense" in error.hint


def test_experts_in_a_model_whose_config_is_silent(tmp_path: Path) -> None:
    folder, name = write_llama(tmp_path / "m"), "model.layers.0.mlp.experts.0.up_proj.weight"
    write_safetensors(folder / "model.safetensors", {**llama_tensors(4), name: (2, 2)})
    assert f"a mixture of experts (llama, tensor {name})" in refused(folder).title


def test_gpt2_has_no_linear_layers(tmp_path: Path) -> None:
    import transformers

    config = transformers.GPT2Config(n_embd=16, n_layer=1, n_head=2, vocab_size=20)
    transformers.GPT2LMHeadModel(config).save_pretrained(tmp_path)
    error = refused(tmp_path)
    assert "its layers are Conv1D" in error.title
    assert "llama" in error.hint


@pytest.mark.parametrize("name", ["pytorch_model.bin", "pytorch_model-00001-of-00002.bin", "consolidated.00.pth"])
def test_pickled_weights(tmp_path: Path, name: str) -> None:
    write_config(tmp_path, LLAMA_CONFIG)
    (tmp_path / name).write_bytes(b"")
    error = refused(tmp_path)
    assert f"its weights are pickle files ({name})" in error.title
    assert f"from_pretrained('{tmp_path}')" in error.hint
    assert "save_pretrained" in error.hint


@pytest.mark.slow
def test_the_command_that_converts_pickles_works(tmp_path: Path) -> None:
    import subprocess
    import sys

    import torch
    from safetensors.torch import load_file

    from tests.families import save_random
    from workbench.train.demo_base import character_tokenizer

    folder = save_random("opt", tmp_path / "old", vocab_size=100)
    expected = load_map(folder).base_params
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    character_tokenizer().save_pretrained(folder)
    code = refused(folder).hint.partition('python -c "')[2].removesuffix('"').replace("NEW_DIR", str(tmp_path / "new"))
    subprocess.run([sys.executable, "-P", "-c", code], check=True, capture_output=True)
    assert load_map(tmp_path / "new").base_params == expected
    assert (tmp_path / "new/tokenizer.json").is_file()


def test_pickles_of_training_are_not_weights(tmp_path: Path) -> None:
    write_config(tmp_path, LLAMA_CONFIG)
    for name in ("training_args.bin", "optimizer.pt", "scheduler.pt", "rng_state.pth"):
        (tmp_path / name).write_bytes(b"")
    assert refused(tmp_path).title.endswith(": no weights")


def test_gguf(tmp_path: Path) -> None:
    write_config(tmp_path, LLAMA_CONFIG)
    (tmp_path / "model-Q4_K_M.gguf").write_bytes(b"GGUF")
    assert "a GGUF file (model-Q4_K_M.gguf), which is already quantized" in refused(tmp_path).title


def test_a_matrix_of_a_block_that_no_family_knows_is_listed(tmp_path: Path) -> None:
    folder, name = write_llama(tmp_path / "m"), "model.layers.{}.mlp.side_proj.weight"
    extra = {name.format(block): (16, 16) for block in range(4)}
    write_safetensors(folder / "model.safetensors", {**llama_tensors(4), **extra})
    model_map = load_map(folder)
    reasons = {part.name: part.reason for part in model_map.skipped}
    assert reasons[name.format("*")] == "a matrix inside the blocks that llama models do not load"
    assert model_map.base_params == load_map(write_llama(tmp_path / "plain")).base_params


def test_blocks_beyond_those_of_the_config_are_listed(tmp_path: Path) -> None:
    folder = write_llama(tmp_path / "m", blocks=4, num_hidden_layers=3)
    model_map = load_map(folder)
    assert model_map.blocks == 3
    reasons = {part.name: part.reason for part in model_map.skipped}
    assert reasons["model.layers.*.mlp.up_proj.weight"] == "beyond the 3 blocks that the config counts"


def test_config_and_weights_of_different_models(tmp_path: Path) -> None:
    error = refused(write_llama(tmp_path / "m", hidden_size=32))
    assert "says hidden_size 32, but model.layers.0.self_attn.q_proj reads 16" in error.title


def test_a_checkpoint_without_embeddings(tmp_path: Path) -> None:
    folder, tensors = write_llama(tmp_path / "m"), llama_tensors(4)
    del tensors["model.embed_tokens.weight"]
    write_safetensors(folder / "model.safetensors", tensors)
    assert "no weight for model.embed_tokens" in refused(folder).title


def test_a_local_folder_has_no_revisions(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="a local folder has no revisions"):
        load_map(write_llama(tmp_path / "m"), "main")
    with pytest.raises(InvalidError, match="the demo base has no revisions"):
        load_map("demo", "main")
