// Fills the frame of the tab once it is seen, for the theme that the page has, and makes it as high as what is in it.
const frame = element.querySelector('iframe'), choice = element.querySelector('select');
const root = (window.gradio_config?.root ?? '').replace(/\/$/, '');

const fill = () => {
  const theme = document.body.classList.contains('dark') ? 'dark' : 'light';
  frame.src = `${root}${known.address}/${choice.value || known.models[0]}/index.html?theme=${theme}`;
};

frame.addEventListener('load', () => {
  const inside = frame.contentDocument?.documentElement;
  if (!inside) return;
  new frame.contentWindow.ResizeObserver(() => { frame.style.height = `${inside.offsetHeight + 2}px`; }).observe(inside);
});
choice.addEventListener('change', fill);
new IntersectionObserver((seen, watching) => {
  if (!seen.some((each) => each.isIntersecting)) return;
  watching.disconnect();
  fill();
}).observe(element);
