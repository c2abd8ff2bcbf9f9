/** Tells the user one line, on stderr. */
export type Say = (line: string) => void;
