// Shows an answer of the model: the digit, how sure it is, ten bars and the picture it saw.

import { paintPicture, wipe } from "./picture.js";

const percent = (share) => Math.round(share * 100) + " %";

export class Reading {
  constructor(part) {
    this.part = part;
    this.label = null;
    for (let digit = 0; digit < 10; digit += 1) {
      const bar = document.createElement("li");
      bar.append(
        Object.assign(document.createElement("span"), { textContent: digit }),
        document.createElement("i"),
        document.createElement("b"),
      );
      part.bars.append(bar);
    }
    this.clear();
  }

  clear() {
    this.label = null;
    this.#bars(Array(10).fill(0), null);
    this.#digit("–", "No reading yet", "No ink yet");
    this.part.note.textContent = "";
    wipe(this.part.seen);
    this.part.seen.setAttribute("aria-label", "What the model sees: nothing yet");
  }

  show(answer) {
    this.label = answer.sure ? answer.label : null;
    this.#bars(answer.probabilities, answer.label);
    if (answer.sure) {
      const sentence = percent(answer.confidence) + " sure";
      this.#digit(answer.label, `The model reads ${answer.label}, ${sentence}. Press if it is right`, sentence);
    } else {
      const [first, second] = answer.candidates;
      this.#digit("?", `Not sure: ${first} or ${second}`, `Not sure: ${first} or ${second}`);
    }
    paintPicture(this.part.seen, answer.image);
    this.part.note.textContent = answer.notice ?? "";
    this.part.seen.setAttribute("aria-label", "What the model sees: your digit in 28 by 28 pixels");
    this.part.model.textContent = `Model ${answer.model}, ${answer.milliseconds.toFixed(1)} ms`;
  }

  #digit(text, spoken, sentence) {
    this.part["answer-digit"].textContent = text;
    this.part.answer.disabled = this.label === null;
    this.part.answer.setAttribute("aria-label", spoken);
    this.part.answer.title = this.label === null ? "" : "Right? Press to label your drawing so";
    this.part.sure.textContent = sentence;
  }

  #bars(probabilities, top) {
    [...this.part.bars.children].forEach((bar, digit) => {
      bar.style.setProperty("--p", probabilities[digit]);
      bar.classList.toggle("is-top", digit === top);
      bar.lastChild.textContent = top === null ? "" : percent(probabilities[digit]);
    });
  }
}
