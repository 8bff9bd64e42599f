"""What every network of the project is: an encoder, a decoder and several classification heads."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from trainables.models.decoder_blocks import initialise_decoder, initialise_heads, upsample
from trainables.models.encoders import fitting_state
from trainables.models.heads import SegmentationHeads


class SegmentationModel(nn.Module):
    """Base of all architectures: encoder features -> shared decoder features -> logits of each head.

    Architectures pass their parts to this constructor, which initialises decoder and heads and leaves the
    encoder as it came. Every interpolation in every architecture is `decoder_blocks.upsample`: bilinear,
    corners not aligned.

    Args:
        encoder: Maps (B, 3, H, W) to a list of features, finest first, as encoders of SMP do.
        decoder: Maps that list to one feature map of H / `decoder_stride` by W / `decoder_stride`.
        heads: Classify the decoder's features.
        size_multiple: Height and width of an input must be multiples of this, px.
        decoder_stride: Side of the input divided by the side of the decoder's features.

    Attributes:
        size_multiple: Height and width of an input must be multiples of this, px.
    """

    size_multiple: int

    def __init__(
        self,
        *,
        encoder: nn.Module,
        decoder: nn.Module,
        heads: SegmentationHeads,
        size_multiple: int,
        decoder_stride: int,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.heads = heads
        self.size_multiple = size_multiple
        self._decoder_stride = decoder_stride
        initialise_decoder(self.decoder)
        initialise_heads(self.heads)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Logits of every head, at the size of the input.

        Args:
            images: (B, 3, H, W) float, normalised with ImageNet's mean and deviation; H and W multiples of
                `size_multiple`. In training mode B must be at least 2: some batch norms see one value per
                image.

        Returns:
            One (B, C, H, W) tensor per head; its dtype is that of the autocast, if one is on.

        Raises:
            ValueError: H or W is not a multiple of `size_multiple`.
        """
        height, width = images.shape[-2:]
        if height % self.size_multiple or width % self.size_multiple:
            raise ValueError(
                f"{type(self).__name__} needs sides that are multiples of {self.size_multiple} px, not {height}x{width}"
            )
        logits: tuple[Tensor, ...] = self.heads(self.decoder(self.encoder(images)))
        return tuple(upsample(one, self._decoder_stride) for one in logits)

    def probabilities(self, images: Tensor) -> Tensor:
        """Mean of the heads' softmax: the model's prediction, and the source of pseudo-labels.

        Args:
            images: As for `forward`.

        Returns:
            (B, C, H, W) float32; sums to 1 over C, whatever the precision of the layers.
        """
        logits = self(images)
        total = torch.softmax(logits[0].float(), dim=1)
        for one in logits[1:]:
            total = total + torch.softmax(one.float(), dim=1)
        return total / len(logits)

    def encoder_parameters(self) -> list[nn.Parameter]:
        """Parameters of the encoder, which may start from pretrained weights and learn at the lower rate."""
        return list(self.encoder.parameters())

    def decoder_parameters(self) -> list[nn.Parameter]:
        """Parameters of decoder and heads: together with `encoder_parameters` a partition of all."""
        return [*self.decoder.parameters(), *self.heads.parameters()]

    def load_encoder_state(self, state: Mapping[str, Tensor]) -> None:
        """Start the encoder from pretrained weights.

        Args:
            state: A state dict of the encoder, as `encoder_weights.load_encoder_states` gives it. Entries
                that this model's encoder does not have (a classifier, layers that the architecture drops) are
                left out.

        Raises:
            ValueError: An entry is missing or has another shape.
        """
        fitting = fitting_state(self.encoder.state_dict(), state)
        # Only counters of batches may be missing from `fitting`; they keep their zeros.
        self.encoder.load_state_dict(fitting, strict=False)
