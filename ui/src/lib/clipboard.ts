/** Puts text where it can be pasted, also on a page that came without TLS, where browsers have no clipboard. */
export const copyText = async (text: string): Promise<void> => {
  if (window.isSecureContext) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const field = document.createElement("textarea");
  field.value = text;
  field.style.position = "fixed";
  field.style.opacity = "0";
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
};
