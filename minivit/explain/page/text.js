// Every word of the page, in English and Chinese. {name} is filled in.

const TEXT = {
  explain: ["explain", "解读"],
  about: [
    "One picture through {source}: {count} weights, {depth} blocks of {heads} heads. Every number on this page is computed here, forward and backward.",
    "一张图片穿过 {source}：{count} 个权重，{depth} 个块，每块 {heads} 个头。本页所有数字都在此处实时计算，前向与反向皆是。"],
  footer: [
    "Made by minivit {version}. This file needs no network: the model, its weights (float32) and the pictures are inside. The page computes in float64.",
    "由 minivit {version} 生成。本文件无需联网：模型、权重（float32）和图片都在文件之内。页面以 float64 计算。"],
  keys: ["Keys", "按键"],
  close: ["Close", "关闭"],
  auto: ["Auto", "自动"],
  light: ["Light", "浅色"],
  dark: ["Dark", "深色"],
  drop_here: ["Drop the picture anywhere", "把图片放到任意位置"],

  picture: ["Picture", "图片"],
  picture_lead: [
    "Point at a patch, or move with the arrow keys. The model sees the picture as {rows} × {columns} patches of {height} × {width} pixels.",
    "用鼠标指向一个图块，或用方向键移动。模型把图片看成 {rows} × {columns} 个图块，每块 {height} × {width} 像素。"],
  none: ["Picture", "原图"],
  pixels: ["Gradient of pixels", "像素梯度"],
  patches: ["Gradient of patches", "图块梯度"],
  attention: ["Attention", "注意力"],
  none_words: ["The picture as the model sees it.", "模型所看到的图片。"],
  pixels_words: [
    "How much each pixel moves the loss: the length of dLoss/dpixel over the channels, the last dx of the backward pass.",
    "每个像素对损失的影响：dLoss/dpixel 在各通道上的长度，即反向传播最后得到的 dx。"],
  patches_words: [
    "The gradient that reaches each token after {block}: the length of its dy.",
    "到达 {block} 之后各个 token 的梯度：其 dy 的长度。"],
  attention_to_words: [
    "Whom the boxed token attends to in {block}, head {head}: the weights of its softmax, which sum to 1.",
    "方框中的 token 在 {block} 第 {head} 头中关注谁：它的 softmax 权重，总和为 1。"],
  attention_by_words: [
    "Who attends to the boxed token in {block}, head {head}: the weight that each query gives to it.",
    "在 {block} 第 {head} 头中，谁关注方框中的 token：每个查询给它的权重。"],
  pointed: ["Patch in row {row}, column {column} (token {token})", "图块 第 {row} 行，第 {column} 列（token {token}）"],
  pointed_class: ["Class token (token 0)", "分类 token（token 0）"],
  pointed_value: ["{where}: {value}", "{where}：{value}"],
  all_labels: ["another label", "其他标签"],
  class_token: ["Class token", "分类 token"],
  nudge_pixel: ["Nudge its steepest pixel", "扰动其中梯度最大的像素"],
  answer: ["Answer, and the label whose loss is followed", "模型的回答，以及用于计算损失的标签"],
  loss: [
    "loss = −log p({label}) = {loss} nats. Choose another label to follow its loss.",
    "损失 = −log p({label}) = {loss} nat。点选其他标签，即可改看它的损失。"],
  own: ["Your own picture …", "打开自己的图片……"],
  fitted: [
    "{name}: {width} × {height} pixels, fitted to {to_width} × {to_height} (resized, then the middle).",
    "{name}：{width} × {height} 像素，适配为 {to_width} × {to_height}（先缩放，再取中间）。"],
  fitted_here: [
    "{name}: {width} × {height} pixels, fitted to {to_width} × {to_height} by this browser, a little differently from Pillow.",
    "{name}：{width} × {height} 像素，由浏览器适配为 {to_width} × {to_height}，与 Pillow 略有差别。"],
  unreadable: ["{name} cannot be read as a picture; try PNG or JPEG.", "{name} 无法作为图片读取；请用 PNG 或 JPEG。"],

  token: ["Token", "Token"],
  token_title: ["{where}, block by block", "{where}，逐块观察"],
  token_lead: [
    "Each map is one head: over the picture, how much weight goes between this token and every patch. Click a map to lay it over the picture.",
    "每张小图是一个头：该 token 与每个图块之间的权重，按图片位置排列。点击小图，可叠加到图片上。"],
  heads: ["attention, head by head", "注意力，逐头"],
  token_facts: ["what happens to this token", "此 token 的变化"],
  lens: ["logit lens: the answer so far", "Logit 透镜：到此为止的回答"],
  to: ["attends to", "它关注谁"],
  by: ["is attended by", "谁关注它"],
  pin: ["Hold this token", "固定此 token"],
  unpin: ["Follow the pointer", "跟随指针"],
  itself: ["its numbers", "它的数值"],
  change_attn: ["attention adds", "注意力的改变"],
  change_mlp: ["MLP adds", "MLP 的改变"],
  gradient: ["gradient", "梯度"],
  relative: ["relative to the length of the token before", "相对于该 token 之前的长度"],
  lens_picture: ["picture", "整图"],
  lens_token: ["token", "此 token"],
  lens_start: ["before the blocks", "进入块之前"],
  lens_words: [
    "Logit lens, the two bars of each block: what the model would answer if it ended there, through the final norm and head; for the whole picture, and for this token alone. The line marks the label.",
    "Logit 透镜（每块的两条横条）：如果模型到此为止，经过最后的归一化和分类头会如何回答；分别针对整张图片和单独这个 token。竖线标出标签的概率。"],

  layers: ["Layers", "各层"],
  layers_lead: [
    "Forward runs down on the left, backward comes up on the right. Open a layer for its equations, its source, and every number.",
    "左边前向自上而下，右边反向自下而上。打开一层，可看它的公式、源代码和每一个数字。"],
  down: ["forward ↓", "前向 ↓"],
  up: ["↑ backward", "↑ 反向"],
  unfold: ["Unfold the blocks", "展开所有块"],
  fold: ["Fold the blocks", "折叠所有块"],
  negative: ["negative", "负"],
  positive: ["positive", "正"],
  summary: ["{shape}, size {rms}", "{shape}，均方根 {rms}"],
  summary_back: ["{shape}, norm {norm}", "{shape}，范数 {norm}"],
  cost: ["{parameters} parameters ({share}), {macs} multiplications", "{parameters} 个参数（{share}），{macs} 次乘法"],
  no_parameters: ["no parameters", "没有参数"],
  not_returned: ["This array is kept for backward; its gradient is not returned.", "此数组为反向传播而保存；它的梯度不返回。"],
  p_shape: ["{tokens} keys × ({heads} heads × {tokens} queries)", "{tokens} 个键 ×（{heads} 个头 × {tokens} 个查询）"],
  stats: ["mean {mean}, deviation {deviation}, from {low} to {high}", "均值 {mean}，标准差 {deviation}，范围 {low} 至 {high}"],
  source_of: ["{method} in {file}, line {line}", "{file} 第 {line} 行的 {method}"],
  nudge_this: ["Nudge {number}", "扰动 {number}"],
  point_here: ["Point at a number to read it; click, or Enter, to take it to the nudge below.", "指向一个数字即可读出；点击后可把它送到下面的扰动实验。"],

  nudge: ["Nudge", "扰动"],
  nudge_lead: [
    "Change one number by a little and run the model again. The gradient predicts what happens to the loss: is it right?",
    "把一个数字改动一点，再运行一次模型。梯度预言了损失会怎样变化：它说得对吗？"],
  kind: ["which number", "哪个数字"],
  pixel: ["a pixel", "像素"],
  weight: ["a weight", "权重"],
  activation: ["an activation", "激活值"],
  layer: ["layer", "层"],
  leaf: ["of", "属于"],
  index: ["index", "下标"],
  steepest: ["Largest gradient", "梯度最大处"],
  any: ["Any", "随机"],
  target: ["{name} = {value}     dLoss/d({name}) = {gradient}", "{name} = {value}     dLoss/d({name}) = {gradient}"],
  size: ["nudge h", "扰动量 h"],
  predicted: ["gradient predicts", "梯度的预言"],
  actual: ["a new forward gives", "重新前向得到"],
  difference: ["difference", "相差"],
  took: ["{ms} ms", "{ms} 毫秒"],
  curve_title: ["Change of the loss against the nudge", "损失的变化与扰动量"],
  v_title: ["Error of (loss(+h) − loss(−h)) / 2h against the gradient", "(loss(+h) − loss(−h)) / 2h 与梯度之间的误差"],
  v_words: [
    "Right of the V the nudge is too large: the curve bends away from its tangent (truncation, error ∝ h²). Left of it, it is too small: the two losses differ in their last digits only (rounding, error ∝ 1/h). In float32, with what every layer returns rounded, the best h is larger and the best error worse; so gradients are checked in float64.",
    "V 的右侧，扰动太大：曲线偏离切线（截断误差，∝ h²）。左侧，扰动太小：两个损失只有最后几位不同（舍入误差，∝ 1/h）。在 float32 下（每层的输出都被舍入），最佳的 h 更大，最小误差也更差；所以梯度要用 float64 检查。"],
  flat: ["The gradient is exactly 0 here: nothing to compare.", "这里的梯度恰好为 0：没有可比较的。"],
  tangent: ["tangent (gradient)", "切线（梯度）"],
  forward_again: ["new forward", "重新前向"],

  step: ["Step", "一步"],
  step_lead: [
    "Take one optimizer step on this picture alone, and see what it does to the answer. All of the page then shows the new weights.",
    "只用这一张图片走一步优化，看它对回答的影响。之后整页都显示新的权重。"],
  lr: ["learning rate", "学习率"],
  sgd_words: ["Each weight moves against its gradient: steep directions move far.", "每个权重沿梯度反方向移动：越陡的方向走得越远。"],
  adamw_words: ["Each weight moves by about the learning rate, whatever the size of its gradient.", "每个权重大约移动一个学习率，与梯度大小无关。"],
  muon_words: ["Each matrix of the blocks moves by the same size along all of its directions; all else as AdamW.", "块中的每个矩阵在所有方向上移动同样大小；其余参数用 AdamW。"],
  take: ["Take one step", "走一步"],
  taking: ["matrix {done} of {all} …", "矩阵 {done} / {all}……"],
  reset: ["Back to the trained weights", "恢复训练好的权重"],
  outcome: [
    "Loss {before} → {after} nats. The gradient predicted a change of {predicted}, it is {actual}.",
    "损失 {before} → {after} nat。梯度预言的变化是 {predicted}，实际是 {actual}。"],
  diverged: [
    "With this learning rate the loss would no longer be finite: the step was not taken. Try a smaller one.",
    "用这个学习率，损失将不再有限：没有走这一步。请用更小的学习率。"],
  before: ["before", "之前"],
  after: ["after", "之后"],
  stepped: ["The weights are no longer the trained ones: {steps} taken ({rule}).", "权重已不是训练所得：已走 {steps} 步（{rule}）。"],

  key_arrows: ["arrow keys on a picture or a heat map: move by one", "在图片或热图上按方向键：移动一格"],
  key_enter: ["Enter on the picture: hold the token; on a heat map: nudge that number", "在图片上按 Enter：固定 token；在热图上按 Enter：扰动该数字"],
  key_overlay: ["g, p, a, o: gradient of pixels, of patches, attention, picture alone", "g、p、a、o：像素梯度、图块梯度、注意力、原图"],
  key_block: ["[ and ]: block before and after; { and }: head", "[ 和 ]：上一块、下一块；{ 和 }：头"],
  key_direction: ["t: attends to / is attended by", "t：切换“它关注谁 / 谁关注它”"],
  key_picture: ["n and b: next picture, the one before", "n 和 b：下一张、上一张图片"],
  key_help: ["?: this help", "?：本帮助"],
};

// What each layer does, in Chinese; in English its own docstring says it.
const ABOUT_ZH = {
  Patchify: "把图片切成 N 个图块，每块展平为一行数字。",
  OverlappingPatches: "把图片切成 N 个图块，每块还包含相邻图块的一些像素。",
  Linear: "把每个 token 乘以同一个矩阵，再加偏置。",
  ClassToken: "在所有图块前面放一个可学习的 token。",
  PositionEmbedding: "给每个 token 加上一个可学习的向量，告诉模型它的位置。",
  TransformerBlock: "给 x 加上两个修正，各由归一化后的 token 算出。",
  LayerNorm: "把每个 token 归一化到均值 0、方差 1，再缩放、平移。",
  Attention: "把每个 token 的查询 q 与所有键 k 比较，按结果对值 v 做加权平均。",
  Mlp: "把 token 从宽度 D 映射到 M，经过 GELU，再映射回 D。",
  Gelu: "x 乘以一个 0 到 1 之间的门 s：GELU 的 tanh 近似。",
  GeluErf: "GELU 的精确形式：x 乘以标准正态变量小于 x 的概率。",
  Relu: "保留正数，其余置 0。",
  ClassPool: "只取分类 token，丢掉其余。",
  SequencePool: "对所有 token 做加权平均，权重由 token 自己决定。",
  PreLogits: "池化后的 token 乘以矩阵、加偏置，再取 tanh。",
  HeadHidden: "池化后的 token 乘以矩阵、加偏置，再取 GELU。",
  GridPositions: "给每个图块加上所在行和所在列的可学习向量，各占 D 的一半。",
  SincosPositions: "给每个图块加上其行、列的固定正弦和余弦。",
  RelativeAttention: "注意力的分数再加上一个可学习的数，由头和两个图块的相对位置决定。",
  RelativeBlock: "与 TransformerBlock 相同，只是注意力换成 RelativeAttention。",
  MeanPool: "对所有 token 取平均；没有分类 token。",
  Dropout: "训练时随机置零；此处不起作用。",
  CrossEntropy: "−log p(标签)，单位 nat；p 是模型的输出。",
};

let language = 0;

function t(key, values = {}) {
  return TEXT[key][language].replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);
}
