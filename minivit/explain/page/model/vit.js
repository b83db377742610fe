// The whole model, as minivit/vit.py: named parts in order. What a page cannot show was refused.

class ViT {
  constructor(config) {
    const c = config,
      gelu = c.gelu === "tanh" ? new Gelu() : new GeluErf();
    const parts = {};
    parts.patchify = c.patch_overlap
      ? new OverlappingPatches(c.patch_size, c.patch_overlap, c.image_size, c.channels)
      : new Patchify(c.patch_size, c.image_size, c.channels);
    const side = c.patch_size + 2 * c.patch_overlap;
    parts.patch = new Linear(side * side * c.channels, c.dim);
    if (c.pool === "class") parts.class_token = new ClassToken(c.dim);
    const grid = c.image_size / c.patch_size,
      prefix = c.pool === "class" ? 1 : 0,
      place = [grid, grid, c.dim, prefix];
    if (c.position === "learned") parts.position = new PositionEmbedding();
    if (c.position === "learned-2d") parts.position = new GridPositions(...place);
    if (c.position === "sincos-2d") parts.position = new SincosPositions(...place);
    const sizes = [c.dim, c.heads, c.mlp_dim, gelu, c.norm_eps];
    for (let i = 0; i < c.depth; i++) {
      parts[`block${i}`] =
        c.position === "relative"
          ? new RelativeBlock(...sizes, grid, grid, prefix)
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
