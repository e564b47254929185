/** The page's texts in German, by the English ones. */

export const GERMAN = {};
