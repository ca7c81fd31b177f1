export { Ribbon } from "./Ribbon";
export type { RibbonData } from "./ribbon";
