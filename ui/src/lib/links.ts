/** Addresses that others wrote: followed only where they lead to a web page or a mailbox. */
export const webLink = (address: string | null | undefined): string | null => {
  if (!address) return null;
  try {
    return ["http:", "https:", "mailto:"].includes(new URL(address).protocol) ? address : null;
  } catch {
    return null;
  }
};
