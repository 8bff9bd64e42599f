"""What every network of the project is: an encoder, a decoder and several classification heads."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from trainables.models.decoder_blocks import initialise_decoder, initialise_heads, upsample
from trainables.models.dilated_convolution import replace_dilated
from trainables.models.encoders import encoder_channels, fitting_state
from trainables.models.heads import SegmentationHeads
from trainables.models.strided_depthwise import replace_strided_depthwise


class SegmentationModel(nn.Module):
    """Base of all architectures: encoder features -> shared decoder features -> logits of each head.

    Architectures pass their parts to this constructor, which initialises decoder and heads and leaves the
    encoder as it came. Every interpolation in every architecture is `decoder_blocks.upsample`: bilinear,
    corners not aligned.

    Args:
        encoder: Maps (B, 3, H, W) to a list of features, finest first, as encoders of SMP do; an `Encoder`.
        decoder: Maps that list to one feature map of H / `decoder_stride` by W / `decoder_stride`.
        heads: Classify the decoder's features.
        size_multiple: Height and width of an input must be multiples of this, px.
        decoder_stride: Side of the input divided by the side of the decoder's features.
        decoder_levels: Which of the encoder's features the decoder reads, the images being number 0; by default
            all but the images.

    Attributes:
        size_multiple: Height and width of an input must be multiples of this, px.
        feature_channels: Channels of the encoder's features that the decoder reads, in the order of the levels:
            those that the `feature_scales` of `forward` multiply.
    """

    size_multiple: int
    feature_channels: tuple[int, ...]

    def __init__(
        self,
        *,
        encoder: nn.Module,
        decoder: nn.Module,
        heads: SegmentationHeads,
        size_multiple: int,
        decoder_stride: int,
        decoder_levels: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        for part in (encoder, decoder):
            replace_strided_depthwise(part)
            replace_dilated(part)
        self.encoder = encoder
        self.decoder = decoder
        self.heads = heads
        self.size_multiple = size_multiple
        self._decoder_stride = decoder_stride
        channels = encoder_channels(encoder)
        self._decoder_levels = tuple(range(1, len(channels)) if decoder_levels is None else decoder_levels)
        self.feature_channels = tuple(channels[level] for level in self._decoder_levels)
        initialise_decoder(self.decoder)
        initialise_heads(self.heads)

    def forward(self, images: Tensor, feature_scales: Sequence[Tensor] | None = None) -> Tensor:
        """Logits of every head, at the size of the input.

        The heads' logits are enlarged together, once.

        Args:
            images: (B, 3, H, W) float, normalised with ImageNet's mean and deviation; H and W multiples of
                `size_multiple`. In training mode B must be at least 2: some batch norms see one value per
                image.
            feature_scales: What the encoder's features are multiplied by on their way to the decoder, one
                (B, c, 1, 1) tensor for each c of `feature_channels`; None leaves them as they are.

        Returns:
            (B, K, C, H, W): logits of the K heads; their dtype is that of the autocast, if one is on.

        Raises:
            ValueError: H or W is not a multiple of `size_multiple`, or there is not one scale per level.
        """
        height, width = images.shape[-2:]
        if height % self.size_multiple or width % self.size_multiple:
            raise ValueError(
                f"{type(self).__name__} needs sides that are multiples of {self.size_multiple} px, not {height}x{width}"
            )
        features = self.encoder(images)
        if feature_scales is not None:
            features = list(features)
            for level, scales in zip(self._decoder_levels, feature_scales, strict=True):
                features[level] = features[level] * scales.to(features[level].dtype)
        return torch.unflatten(self.classify(self.decoder(features)), 1, (self.heads.count, -1))

    def classify(self, features: Tensor) -> Tensor:
        """Logits of all heads, (B, K * C, H, W), from the decoder's features."""
        return upsample(self.heads(features), self._decoder_stride)

    def probabilities(self, images: Tensor) -> Tensor:
        """Mean of the heads' softmax: the model's prediction, and the source of pseudo-labels.

        Args:
            images: As for `forward`.

        Returns:
            (B, C, H, W) float32; sums to 1 over C, whatever the precision of the layers.
        """
        first, *others = self(images).unbind(1)
        total = torch.softmax(first, dim=1, dtype=torch.float32)
        for one in others:
            total = total + torch.softmax(one, dim=1, dtype=torch.float32)
        return total / self.heads.count

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
        # Only counters of batches may be missing from `fitting`; they keep their zeros. Some of SMP's encoders have a
        # `load_state_dict` of their own, for older names and without `strict`.
        nn.Module.load_state_dict(self.encoder, fitting, strict=False)
