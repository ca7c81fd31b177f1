export { ResultPage } from "./ResultPage";
export { ResultsPage } from "./ResultsPage";
