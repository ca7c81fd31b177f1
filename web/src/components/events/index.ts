export { EventList } from "./EventList";
export { RecentEvents } from "./RecentEvents";
