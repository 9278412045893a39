"""What tutorials build, to compare with: a Gradio Sketchpad before a Keras model.

    python -m benchmarks.classic_stack MODEL.keras PORT      serves it
    python -m benchmarks.classic_stack --load ADDRESS CLIENTS SECONDS

As Gradio's documentation has it: the queue on, its limits untouched, `model.predict` for each call.
The load comes from `gradio_client`, one Client for each simulated person.
"""

import json
import sys
import tempfile
import threading
import time
from pathlib import Path

PNG_SIDE = 280
WARM_UP_CALLS = 3


def serve(model_file: Path, port: int) -> None:
    import gradio as gr
    import keras
    import numpy as np
    from PIL import Image

    model = keras.models.load_model(model_file, compile=False)  # takes pixels 0..255

    def recognise(drawing: dict) -> dict[str, float]:
        picture = Image.fromarray(drawing["composite"][..., 3]).resize((28, 28))
        probabilities = model.predict(np.asarray(picture)[None], verbose=0)[0]
        return {str(digit): float(p) for digit, p in enumerate(probabilities)}

    app = gr.Interface(recognise, gr.Sketchpad(), gr.Label(), api_name="predict")
    app.launch(server_name="127.0.0.1", server_port=port, quiet=True)


def drawn_png(folder: Path) -> Path:
    """A transparent canvas with a thick stroke, as the Sketchpad sends it."""
    import numpy as np
    from PIL import Image

    canvas = np.zeros((PNG_SIDE, PNG_SIDE, 4), np.uint8)
    canvas[50:230, 130:150, 3] = 255
    Image.fromarray(canvas).save(folder / "drawing.png")
    return folder / "drawing.png"


def load(address: str, clients: int, seconds: float) -> dict:
    """Each client calls again as soon as it is answered. Seconds of every call, and the span."""
    from gradio_client import Client, handle_file

    took: list[float] = []
    errors: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        file = handle_file(str(drawn_png(Path(folder))))
        people = [Client(address, verbose=False, analytics_enabled=False) for _ in range(clients)]

        def call(client: Client) -> None:
            drawing = {"background": None, "layers": [], "composite": file}
            client.predict(drawing, api_name="/predict")

        for _ in range(WARM_UP_CALLS):
            call(people[0])
        began = time.perf_counter()

        def person(client: Client) -> None:
            while (start := time.perf_counter()) < began + seconds:
                try:
                    call(client)
                except Exception as error:  # counted and shown, whatever it is
                    errors.append(repr(error))
                    return
                took.append(time.perf_counter() - start)

        threads = [threading.Thread(target=person, args=(client,)) for client in people]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        span = time.perf_counter() - began
    return {"seconds": took, "span": span, "errors": errors}


if __name__ == "__main__":
    if sys.argv[1] == "--load":
        print(json.dumps(load(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))), flush=True)
    else:
        serve(Path(sys.argv[1]), int(sys.argv[2]))
