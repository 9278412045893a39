// The studio inside the Draw page, and Gradio's page around the studio.

// Tells the page around the frame how tall the studio is; it shows the frame from then on.
export function tellFrame(root) {
  if (parent === window) return;
  document.documentElement.classList.add("is-framed");
  const tell = () => {
    const height = Math.ceil(root.getBoundingClientRect().height);
    parent.postMessage({ type: "digitsite:studio", height }, location.origin);
  };
  new ResizeObserver(tell).observe(root);
  tell();
}

// Gradio's own page about its endpoints. It opens from a button in the footer, which is hidden here.
export async function openApiPage() {
  for (let tries = 0; tries < 50; tries += 1) {
    const button = document.querySelector("footer button.show-api");
    if (button) return button.click();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
