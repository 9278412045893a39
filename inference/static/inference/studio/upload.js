// The upload tab: choose, drop or paste one picture. What leaves here is a data: address.

const MAX_BYTES = 8 * 1024 * 1024;
const KINDS = ["image/png", "image/jpeg"];

export class Upload {
  // `onPicture(dataUrl)` gets each sound picture, `onProblem(sentence)` what is wrong with others.
  constructor(part, { isOpen, onPicture, onProblem }) {
    Object.assign(this, { part, isOpen, onPicture, onProblem });
    this.picture = null;
    part.file.addEventListener("change", () => this.#take(part.file.files[0]));
    for (const name of ["dragenter", "dragover"]) {
      part.drop.addEventListener(name, (event) => {
        event.preventDefault();
        part.drop.classList.add("is-over");
      });
    }
    part.drop.addEventListener("dragleave", () => part.drop.classList.remove("is-over"));
    part.drop.addEventListener("drop", (event) => {
      event.preventDefault();
      part.drop.classList.remove("is-over");
      this.#take(event.dataTransfer.files[0]);
    });
    document.addEventListener("paste", (event) => {
      const file = [...(event.clipboardData?.files ?? [])].find((one) => KINDS.includes(one.type));
      if (file && isOpen()) this.#take(file);
    });
  }

  clear() {
    this.picture = null;
    this.part.file.value = "";
    this.part.preview.hidden = true;
    this.part.preview.removeAttribute("src");
    this.part["drop-text"].hidden = false;
  }

  async #take(file) {
    if (!file) return;
    if (!KINDS.includes(file.type)) return this.onProblem("Only PNG and JPEG pictures are read.");
    if (file.size > MAX_BYTES) return this.onProblem("A picture has at most 8 MB.");
    this.picture = await asDataUrl(file);
    this.part.preview.src = this.picture;
    this.part.preview.hidden = false;
    this.part["drop-text"].hidden = true;
    this.onPicture(this.picture);
  }
}

function asDataUrl(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}
