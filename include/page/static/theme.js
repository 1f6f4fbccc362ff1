// Inside Airflow's frame the page follows Airflow's own theme, which is a class of Airflow's <html> element.
const airflow = window.frameElement?.ownerDocument.documentElement;
if (airflow) {
  const follow = () => {
    document.documentElement.dataset.theme = airflow.classList.contains("dark") ? "dark" : "light";
  };
  follow();
  new MutationObserver(follow).observe(airflow, { attributeFilter: ["class"] });
}
