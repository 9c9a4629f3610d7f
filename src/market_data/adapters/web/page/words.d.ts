/** What statuses and reasons mean; the server writes words.js from the words that all screens have. */
export const STATUSES: Readonly<Record<string, string>>;
export const REASONS: Readonly<Record<string, string>>;
