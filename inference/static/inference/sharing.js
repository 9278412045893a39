// The address of a new share link: to the clipboard by one button, where the browser lets us.

const address = document.querySelector("[data-copy-from]");
const button = document.querySelector("[data-copy]");

if (address) {
  address.addEventListener("focus", () => address.select());
  address.focus();
}
if (button && navigator.clipboard) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(address.value);
      button.querySelector("span").textContent = "Copied";
    } catch {
      address.focus(); // refused: it is selected, so the keyboard copies it
    }
  });
}
