// Wakes the page up.
import { by } from "./dom.js";
import * as list from "./list.js";
import * as search from "./search.js";
import * as status from "./status.js";
import * as tasks from "./tasks.js";
import * as token from "./token.js";
import * as uploads from "./uploads.js";

by("live").hidden = by("state").hidden = false;
for (const part of [token, tasks, uploads, search, status]) part.start();
list.start(uploads.acts);
