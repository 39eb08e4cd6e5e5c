/** Something that the verdict found, told so that a person can follow the story of one connection. */
export interface Finding {
  readonly connection?: string;
  readonly at: number;
  readonly what: string;
}
