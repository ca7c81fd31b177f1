export { ConfigurationPage } from "./ConfigurationPage";
export { ConfigurationsPage } from "./ConfigurationsPage";
export { NewConfigurationPage } from "./NewConfigurationPage";
