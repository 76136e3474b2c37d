"""How fast a model read, and which share of the peak of its device that is."""

import torch
from torch import nn

from seqloom.embedding.loading import Model
from seqloom.encoders.cpu import PackedLinear, use_onednn
from seqloom.encoders.layers import Linear, set_precision

# Rows and width of the matrix products that show the peak: as large as the device needs.
_PEAK_SHAPE = {"cpu": (1024, 2048), "cuda": (8192, 8192)}
# Measuring the peak takes a good part of a second, which a shorter job would notice.
_LONG_SECONDS = 60.0


def speed(model: Model, tokens: int, seconds: float) -> str:
    """Tokens a second; of a long job also the share of the peak of matrix products."""
    text = f"{tokens / seconds:.0f} tokens/s"
    if seconds < _LONG_SECONDS:
        return text
    share = flops_per_token(model) * tokens / seconds / peak_flops(model.dtype, model.device)
    return f"{text}, {share:.0%} of the peak of matrix products"


def flops_per_token(model: Model) -> int:
    """Operations of the linear layers; attention's own products grow with the length, left out."""
    layers = (m for m in model.encoder.modules() if isinstance(m, nn.Linear | PackedLinear))
    return 2 * sum(layer.weight.numel() for layer in layers)


@torch.inference_mode()
def peak_flops(dtype: str, device: torch.device) -> float:
    """Operations a second of a large linear layer alone, computed as the encoder's are."""
    # Not at the top: few jobs need it, and its import takes a tenth of a second.
    from torch.utils.benchmark import Timer

    rows, width = _PEAK_SHAPE[device.type]
    layer = nn.Sequential(Linear(width, width, bias=False)).to(device)
    set_precision(layer, getattr(torch, dtype))
    if device.type == "cpu":
        use_onednn(layer)
    x = torch.randn(rows, width, device=device).to(getattr(torch, dtype))
    work = {"layer": layer, "x": x}
    timer = Timer("layer(x)", globals=work, num_threads=torch.get_num_threads())
    times = timer.blocked_autorange(min_run_time=0.5).times
    return 2 * rows * width**2 / min(times)
