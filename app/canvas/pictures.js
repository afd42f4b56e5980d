// Pictures of bytes on a canvas: decoded ones, originals, and how far they are apart.

/** A small canvas holding picture number `index` of bytes with shape [..., C, H, W]. */
export function toBitmap(values, shape, index = 0) {
  const [channels, height, width] = shape.slice(-3),
    size = channels * height * width,
    start = index * size;
  const canvas = new OffscreenCanvas(width, height),
    context = canvas.getContext("2d");
  const image = context.createImageData(width, height),
    { data } = image,
    area = height * width;
  for (let i = 0; i < area; i++) {
    for (let c = 0; c < 3; c++) data[4 * i + c] = values[start + (channels === 3 ? c * area : 0) + i];
    data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

/** All pictures of an array as small canvases. */
export function toBitmaps(array) {
  const size = array.shape.slice(-3).reduce((a, b) => a * b, 1);
  return Array.from({ length: array.values.length / size }, (_, i) => toBitmap(array.values, array.shape, i));
}

/** The part of a (K, M, C, H, W) array that belongs to one model. */
export function memberOf(array, member) {
  const size = array.values.length / array.shape[0];
  return { shape: array.shape.slice(1), values: array.values.subarray(member * size, (member + 1) * size) };
}

/** |a - b| of two pictures as bytes of one channel, the mean over colours. */
export function difference(a, b, shape, index = 0) {
  const [channels, height, width] = shape.slice(-3),
    area = height * width,
    start = index * channels * area;
  const values = new Uint8ClampedArray(area);
  for (let i = 0; i < area; i++) {
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += Math.abs(a[start + c * area + i] - b[start + c * area + i]);
    values[i] = (2 * sum) / channels;
  }
  return { shape: [1, height, width], values };
}

/** Draw a bitmap with hard pixel edges. */
export function stamp(context, bitmap, x, y, width, height = width, alpha = 1) {
  context.imageSmoothingEnabled = false;
  context.globalAlpha = alpha;
  context.drawImage(bitmap, x, y, width, height);
  context.globalAlpha = 1;
}

/** Base64 of bytes, as the live lane wants a picture. */
export function toBase64(bytes) {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}
