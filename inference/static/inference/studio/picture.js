// Pictures of 28 by 28 pixels on small canvases.

const SIDE = 28;

// `rows`: 28 rows of 28 numbers 0..255, white ink on black.
export function paintPicture(canvas, rows) {
  paint(canvas, rows, (ink) => [ink, ink, ink, 255]);
}

// `rows`: 28 rows of 28 numbers -1..1; orange above 0, blue below, clear at 0.
export function paintHeat(canvas, rows) {
  paint(canvas, rows, (heat) => {
    const strength = Math.round(Math.abs(heat) ** 0.8 * 220);
    return heat > 0 ? [255, 122, 24, strength] : [40, 132, 255, strength];
  });
}

export function wipe(canvas) {
  canvas.getContext("2d").clearRect(0, 0, SIDE, SIDE);
}

function paint(canvas, rows, colour) {
  const context = canvas.getContext("2d");
  const picture = context.createImageData(SIDE, SIDE);
  let at = 0;
  for (const row of rows) {
    for (const value of row) {
      picture.data.set(colour(value), at);
      at += 4;
    }
  }
  context.putImageData(picture, 0, 0);
}
