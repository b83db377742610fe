// The whole model, as minivit/vit.py: named parts in order. What a page cannot show was refused.

class ViT {
  constructor(config) {
    const c = config,
      gelu = new { tanh: Gelu, erf: GeluErf, relu: Relu }[c.gelu]();
    const parts = {};
    const shape = [...pair(c.image_size), c.channels],
      patch = pair(c.patch_size);
    parts.patchify = c.patch_overlap
      ? new OverlappingPatches(...patch, c.patch_overlap, shape)
      : new Patchify(...patch, shape);
    const [height, width] = patch.map((side) => side + 2 * c.patch_overlap);
    parts.patch = new Linear(height * width * c.channels, c.dim);
    if (c.pool === "class") parts.class_token = new ClassToken(c.dim);
    const [rows, columns] = patch.map((side, i) => shape[i] / side);
    const prefix = c.pool === "class" ? 1 : 0,
      place = [rows, columns, c.dim, prefix];
    const every_block = c.position === "every-block";
    if (c.position === "learned" || every_block) parts.position = new PositionEmbedding();
    if (c.position === "learned-2d") parts.position = new GridPositions(...place);
    if (c.position === "sincos-2d") parts.position = new SincosPositions(...place);
    const sizes = [c.dim, c.heads, c.mlp_dim, gelu, c.norm_eps];
    for (let i = 0; i < c.depth; i++) {
      if (every_block && i) parts[`position${i}`] = new PositionEmbedding();
      parts[`block${i}`] =
        c.position === "relative"
          ? new RelativeBlock(...sizes, rows, columns, prefix)
          : new TransformerBlock(...sizes);
    }
    parts.norm = new LayerNorm(c.dim, c.norm_eps);
    parts.pool = new { class: ClassPool, mean: MeanPool, sequence: SequencePool }[c.pool](c.dim);
    if (c.pre_logits) parts.pre_logits = new PreLogits(c.dim, c.pre_logits);
    if (c.head_hidden) parts.head_hidden = new HeadHidden(c.dim, c.head_hidden, gelu);
    parts.head = new Linear(c.pre_logits || c.head_hidden || c.dim, c.classes);
    Object.assign(this, { config, parts });
  }

  // From the part `first` on, which takes x: logits, cache.
  forward(params, x, first = "patchify") {
    const cache = {},
      names = Object.keys(this.parts);
    for (const name of names.slice(names.indexOf(first))) {
      [x, cache[name]] = this.parts[name].forward(params[name] || {}, x);
    }
    return [x, cache];
  }

  backward(dlogits, cache) {
    const grads = {};
    let dx = dlogits;
    for (const name of Object.keys(this.parts).reverse()) {
      [dx, grads[name]] = this.parts[name].backward(dx, cache[name]);
    }
    return [dx, grads];
  }
}

// A size as height and width, as in config.py.
function pair(size) {
  return Array.isArray(size) ? size : [size, size];
}
