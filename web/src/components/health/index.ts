export { HealthBadge } from "./HealthBadge";
export { PlatformHealth } from "./PlatformHealth";
export { ABOUT, useAbout } from "./useAbout";
