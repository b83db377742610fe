// The whole model, as minivit/vit.py: named parts in order. What a page cannot show was refused.

class ViT {
  constructor(config) {
    const c = config, gelu = c.gelu === "tanh" ? new Gelu() : new GeluErf();
    const parts = {};
    parts.patchify = c.patch_overlap
      ? new OverlappingPatches(c.patch_size, c.patch_overlap, c.image_size, c.channels)
      : new Patchify(c.patch_size, c.image_size, c.channels);
    const side = c.patch_size + 2 * c.patch_overlap;
    parts.patch = new Linear(side * side * c.channels, c.dim);
    if (c.pool === "class") parts.class_token = new ClassToken(c.dim);
    if (c.position === "learned") parts.position = new PositionEmbedding();
    for (let i = 0; i < c.depth; i++) {
      parts[`block${i}`] = new TransformerBlock(c.dim, c.heads, c.mlp_dim, gelu, c.norm_eps);
    }
    parts.norm = new LayerNorm(c.dim, c.norm_eps);
    parts.pool = c.pool === "class" ? new ClassPool(c.dim) : new MeanPool(c.dim);
    parts.head = new Linear(c.dim, c.classes);
    Object.assign(this, { config, parts });
  }

  // From the part `first` on, which takes x: logits, cache.
  forward(params, x, first = "patchify") {
    const cache = {}, names = Object.keys(this.parts);
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
