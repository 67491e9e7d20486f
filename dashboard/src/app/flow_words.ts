/** What flows say, in the page's language. Pure. */

import type {
  AbortPage,
  Camera,
  FieldError,
  Flow,
  FlowSource,
  FormPage,
  MenuPage,
} from "../client/index.ts";
import { language, phrase, sentence, words } from "../i18n/index.ts";
import type { Fault } from "./form_values.ts";

/** What is wrong with a field, as the hub says it. */
export function errorText({ message, suggestion }: FieldError): string {
  const text = phrase(message);
  return suggestion ? `${text} ${words.suggestion(suggestion)}` : text;
}

/** What is wrong with a field, as the page sees it by itself. */
export function faultText(fault: Fault): string {
  if (fault === "required") return words.required;
  if (fault === "number") return words.notNumber;
  if (fault === "whole") return words.notWhole;
  return "min" in fault ? words.tooSmall(String(fault.min)) : words.tooLarge(String(fault.max));
}

/** What stands above a form or a menu. */
export function pageText(page: FormPage | MenuPage, camera: Camera | undefined): string {
  if (page.step === "reauth" && camera?.entry.reason) return sentence(camera.entry.reason);
  if (page.step === "trust" && words.trustText) {
    const [fingerprint, before] = page.text.match(/[0-9a-f]{64}/g) ?? [];
    if (fingerprint) return words.trustText(fingerprint, before);
  }
  return phrase(page.text);
}

/** Why a flow ended. The hub's own English says more than the reason does. */
export function abortText(page: AbortPage): string {
  const known = words.aborts[page.reason];
  return (language === "en" ? page.message : known) || known || page.message || page.reason;
}

/** What the button is called that answers a form. */
export function submitLabel(page: FormPage, source: FlowSource | undefined): string {
  if (page.step === "confirm") return words.addCamera;
  if (page.step === "reauth") return words.logIn;
  // The same step is one of several when a camera is added.
  return source !== "user" && page.step === source ? words.save : words.next;
}

/** What a flow is about, for a title: the camera if there is one. */
export function flowTitle(flow: Flow, camera: Camera | undefined): string {
  return camera?.name || flow.title || flow.discovered?.name || flow.integration_name;
}
