export { DatasourcePage } from "./DatasourcePage";
export { DatasourcesPage } from "./DatasourcesPage";
