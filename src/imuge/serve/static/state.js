// What the page knows of the service, from /health. Nothing about pictures.

export const service = {
  version: "",
  model: "",
  auth: "none",
  limits: { max_bytes: Infinity, max_pixels: Infinity },
};
