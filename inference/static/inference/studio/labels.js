// Ten radio buttons, so that arrow keys and screen readers work as everywhere.

export function makeLabels(box) {
  for (let digit = 0; digit < 10; digit += 1) {
    const label = document.createElement("label");
    const input = Object.assign(document.createElement("input"), {
      type: "radio", name: "label", value: String(digit),
    });
    label.append(input, Object.assign(document.createElement("span"), { textContent: digit }));
    box.append(label);
  }
  const inputs = [...box.querySelectorAll("input")];
  return {
    get value() {
      const chosen = inputs.find((input) => input.checked);
      return chosen ? Number(chosen.value) : null;
    },
    set value(digit) {
      for (const input of inputs) input.checked = Number(input.value) === digit;
      if (digit === null) for (const input of inputs) input.checked = false;
    },
  };
}
