// The random bytes by which dropout keeps values: ChaCha with 8 rounds (Bernstein, "ChaCha, a variant of Salsa20", 2008), the
// stream that the processor draws from too, so that both keep the same ones. One invocation makes one block of 16 words.
fn turned(x: vec4u, by: u32) -> vec4u { return (x << vec4u(by)) | (x >> vec4u(32u - by)); }

fn work(id: vec3u) {
  if (id.y * 16u >= step.mask_word + WORDS * step.batch - WORDS_LESS) { return; }
  let low = step.mask_block.x + id.y;
  let counter = vec2u(low, step.mask_block.y + select(0u, 1u, low < id.y));
  let first = vec4u(0x61707865u, 0x3320646eu, 0x79622d32u, 0x6b206574u);
  let second = vec4u(key[0], key[1], key[2], key[3]);
  let third = vec4u(key[4], key[5], key[6], key[7]);
  let fourth = vec4u(counter, key[8], key[9]);
  var a = first;
  var b = second;
  var c = third;
  var d = fourth;
  for (var round = 0; round < 4; round++) {
    a += b; d = turned(d ^ a, 16u); c += d; b = turned(b ^ c, 12u);
    a += b; d = turned(d ^ a, 8u); c += d; b = turned(b ^ c, 7u);
    b = b.yzwx; c = c.zwxy; d = d.wxyz;
    a += b; d = turned(d ^ a, 16u); c += d; b = turned(b ^ c, 12u);
    a += b; d = turned(d ^ a, 8u); c += d; b = turned(b ^ c, 7u);
    b = b.wxyz; c = c.zwxy; d = d.yzwx;
  }
  a += first; b += second; c += third; d += fourth;
  let place = id.y * 16u;
  for (var i = 0u; i < 4u; i++) {
    masks[place + i] = a[i];
    masks[place + 4u + i] = b[i];
    masks[place + 8u + i] = c[i];
    masks[place + 12u + i] = d[i];
  }
}
