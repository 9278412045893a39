// Several digits side by side: each with its picture, its digit and its ten bars.

import { paintPicture } from "./picture.js";

const percent = (share) => Math.round(share * 100) + " %";

export class Pieces {
  constructor(part) {
    this.part = part;
  }

  // `digits`: the answers, left to right; none for a single digit.
  show(digits) {
    const read = digits.map((digit) => (digit.sure ? digit.label : "?")).join("");
    this.part.number.textContent = read;
    this.part.pieces.setAttribute("aria-label", `${digits.length} digits, left to right`);
    this.part.pieces.replaceChildren(...digits.map(asItem));
  }
}

function asItem(digit) {
  const item = document.createElement("li");
  item.classList.toggle("is-doubtful", digit.doubtful);
  const seen = Object.assign(document.createElement("canvas"), { width: 28, height: 28 });
  seen.setAttribute("aria-hidden", "true");
  paintPicture(seen, digit.image);
  const bars = document.createElement("span");
  bars.className = "studio__minibars";
  bars.setAttribute("aria-hidden", "true");
  digit.probabilities.forEach((share, which) => {
    const bar = document.createElement("i");
    bar.style.setProperty("--p", share);
    bar.title = `${which}: ${percent(share)}`;
    bars.append(bar);
  });
  const [first, second] = digit.candidates;
  const label = Object.assign(document.createElement("strong"), {
    textContent: digit.sure ? digit.label : `${first} or ${second}`,
  });
  const sure = Object.assign(document.createElement("small"), {
    textContent: digit.doubtful ? "two that touch?" : percent(digit.confidence),
  });
  item.append(seen, label, bars, sure);
  return item;
}
