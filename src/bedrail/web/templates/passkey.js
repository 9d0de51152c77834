"use strict";
// A passkey ceremony: options come in the page, the browser's answer goes back in the same form. Nothing is fetched.
(() => {
  const form = document.getElementById("ceremony");
  const told = document.getElementById("told");
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const named = (list) => (list || []).map((each) => ({ ...each, id: bytes(each.id) }));

  const options = () => {
    const given = JSON.parse(form.dataset.options);
    given.challenge = bytes(given.challenge);
    if (given.user) given.user.id = bytes(given.user.id);
    given.excludeCredentials = named(given.excludeCredentials);
    given.allowCredentials = named(given.allowCredentials);
    return { publicKey: given };
  };

  const answer = (made) => {
    const said = { id: made.id, rawId: text(made.rawId), type: made.type, response: {}, clientExtensionResults: {} };
    for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (made.response[name]) said.response[name] = text(made.response[name]);
    }
    return JSON.stringify(said);
  };

  const go = async () => {
    if (!window.PublicKeyCredential) {
      told.textContent = "This browser knows no passkeys, or the page was not opened by its proper address.";
      return;
    }
    try {
      const ceremony = form.dataset.ceremony === "create" ? "create" : "get";
      form.elements.answer.value = answer(await navigator.credentials[ceremony](options()));
      form.submit();
    } catch (error) {
      told.textContent = `The passkey was not used (${error.name}). Try again, or go back.`;
    }
  };
  document.getElementById("go").addEventListener("click", go);
})();
