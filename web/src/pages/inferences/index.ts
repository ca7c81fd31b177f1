export { InferencePage } from "./InferencePage";
export { InferencesPage } from "./InferencesPage";
export { NewInferencePage } from "./NewInferencePage";
