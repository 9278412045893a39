// Calls the studio's named endpoints, the same ones that gradio_client calls.

export class ApiError extends Error {
  // `code` is stable: a DrawingError's code, "no_model", "too_often", "link_..." (a share link that
  // is over), "has_account", "signed_out", "offline" or "failed".
  constructor(message, code) {
    super(message);
    this.code = code;
  }
}

const PATIENCE_MS = 15000;

// `device` goes with what is submitted: what it was drawn with.
export async function call(name, data, { signal, device } = {}) {
  const patience = AbortSignal.timeout(PATIENCE_MS);
  let response;
  try {
    response = await fetch("gradio_api/run/" + name, {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        ...(device && { "X-Digitsite-Device": device }),
      },
      body: JSON.stringify({ data }),
      signal: signal ? AbortSignal.any([signal, patience]) : patience,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError("The site does not answer. Your drawing is still here.", "offline");
  }
  if (response.status === 401) throw new ApiError("You are signed out.", "signed_out");
  const body = await response.json().catch(() => ({}));
  if (!response.ok) {
    // The gate's own refusals have the shape of the REST API's, Gradio's are a sentence and a title.
    if (body.error?.code) throw new ApiError(body.error.message, body.error.code);
    const message = body.error || "That did not work. Try again; the log of the site says why.";
    throw new ApiError(message, body.error ? body.title || "failed" : "failed");
  }
  return body.data[0];
}
