"use strict";
// Becomes the report that the page hands over. The answer's policy takes the origin away, so the report can reach
// neither the page nor the service.
addEventListener("message", (event) => {
  if (event.source !== parent || typeof event.data !== "string") return;
  document.open();
  document.write(event.data);
  document.close();
});
