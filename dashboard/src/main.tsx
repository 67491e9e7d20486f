import { createRoot } from "react-dom/client";

import { App } from "./app/app.tsx";
import { language } from "./i18n/index.ts";
import "./style/index.css";

document.documentElement.lang = language;
const root = document.getElementById("root");
if (root) createRoot(root).render(<App />);
