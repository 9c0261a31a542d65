// Whoever points at a chart is told what was then. All is on the page already; nothing is loaded.
{
  const life = document.getElementById("life"), told = life.querySelector(".moment");
  const moments = JSON.parse(life.dataset.moments);
  const show = event => {
    const area = event.target.closest(".area");
    if (!area || !moments.length) return;
    const box = area.getBoundingClientRect(), x = 1000 * (event.clientX - box.left) / box.width;
    const away = moment => Math.abs(moment[0] - x);
    const near = moments.reduce((best, moment) => away(best) > away(moment) ? moment : best);
    life.style.setProperty("--x", near[0] / 10 + "%");
    told.textContent = near[1];
    told.classList.add("on");
  };
  life.addEventListener("pointermove", show);
  life.addEventListener("pointerdown", show);
}
