"""How the panel looks: JupyterLab's own variables, and colours that AA allows.

Every colour of a word has at least 4.5 to 1 on the ground of both themes; a colour only
repeats what a word says. Where JupyterLab's variables are missing (Voila's templates,
VS Code) there are fallbacks. `data-jp-theme-light` is JupyterLab's, on the page's body.
"""

from __future__ import annotations

from typing import Final

_LIGHT: Final = (
    "--smtpnb-we:#0b5cad;--smtpnb-good:#00694a;--smtpnb-bad:#b3261e;"
    "--smtpnb-warn:#7f4a00;--smtpnb-aside:#5c5c5c;--smtpnb-ink:#1f1f1f;"
    "--smtpnb-ground:#ffffff;--smtpnb-line:#8a8a8a;"
)
_DARK: Final = (
    "--smtpnb-we:#8ec5ff;--smtpnb-good:#66d9ae;--smtpnb-bad:#ff9d94;"
    "--smtpnb-warn:#ffc266;--smtpnb-aside:#b4b4b4;--smtpnb-ink:#ededed;"
    "--smtpnb-ground:#111111;--smtpnb-line:#8f8f8f;"
)

# The style of a living panel hides the pictures of dead ones (`last_picture`).
STYLE: Final = f"""<style>
.smtpnb-last-picture {{ display: none !important; }}
.smtpnb-panel {{ {_LIGHT}
  color: var(--jp-ui-font-color0, var(--smtpnb-ink));
  background: var(--jp-layout-color0, var(--smtpnb-ground));
  border: 1px solid var(--jp-border-color1, #bdbdbd); border-radius: 4px;
  padding: 8px; max-width: 1100px; container-type: inline-size; }}
body[data-jp-theme-light="false"] .smtpnb-panel, body.vscode-dark .smtpnb-panel {{
  {_DARK} }}
.smtpnb-panel .smtpnb-style {{ display: none; }}
.smtpnb-panel .smtpnb-aloud {{ position: absolute; width: 1px; height: 1px;
  margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }}
.smtpnb-panel .widget-hbox, .smtpnb-panel .widget-vbox {{ overflow: visible; }}
.smtpnb-panel .smtpnb-row {{ column-gap: 4px; width: 100%; }}
.smtpnb-panel .smtpnb-grid {{ display: grid; width: 100%; align-items: center;
  column-gap: 4px; overflow: visible;
  grid-template-columns: repeat(3, minmax(0, 1fr)); }}
@container (max-width: 760px) {{
  .smtpnb-panel .smtpnb-grid {{ grid-template-columns: repeat(2, minmax(0, 1fr)); }} }}
@container (max-width: 440px) {{
  .smtpnb-panel .smtpnb-grid {{ grid-template-columns: minmax(0, 1fr); }}
  .smtpnb-panel .smtpnb-message {{ flex-direction: column; align-items: stretch; }}
  .smtpnb-panel .smtpnb-message label {{ width: auto !important; text-align: left; }}
  .smtpnb-panel .smtpnb-message textarea {{ width: 100%; }} }}
.smtpnb-panel .widget-label, .smtpnb-panel label {{
  color: var(--jp-ui-font-color0, var(--smtpnb-ink)) !important; }}
.smtpnb-panel input, .smtpnb-panel textarea, .smtpnb-panel select {{
  color: var(--jp-ui-font-color0, var(--smtpnb-ink)) !important;
  background-color: var(--jp-layout-color0, var(--smtpnb-ground)) !important;
  border: 1px solid var(--smtpnb-line) !important; }}
.smtpnb-panel textarea {{ font-family: var(--jp-code-font-family, monospace); }}
.smtpnb-panel button.jupyter-button {{
  color: var(--jp-ui-font-color0, var(--smtpnb-ink)) !important;
  background: var(--jp-layout-color2, #7f7f7f22) !important;
  border: 1px solid var(--smtpnb-line); border-radius: 3px; }}
.smtpnb-panel button.jupyter-button.smtpnb-next {{
  border: 2px solid var(--smtpnb-we); font-weight: 700; }}
.smtpnb-panel button.jupyter-button.smtpnb-not-now {{
  color: var(--smtpnb-aside) !important; border-style: dashed;
  background: transparent !important; }}
.smtpnb-panel button.jupyter-button.mod-active {{
  box-shadow: inset 0 -3px 0 var(--smtpnb-we); font-weight: 700; }}
.smtpnb-panel button.smtpnb-cancel {{ border: 2px solid var(--smtpnb-bad); }}
.smtpnb-panel :focus-visible {{
  outline: 3px solid var(--smtpnb-we) !important; outline-offset: 1px; }}
.smtpnb-panel .smtpnb-words, .smtpnb-panel .smtpnb-status {{ line-height: 1.4; }}
.smtpnb-panel .smtpnb-status, .smtpnb-panel .smtpnb-words {{
  width: auto; height: auto; }}
.smtpnb-panel .widget-html-content {{ white-space: normal;
  line-height: 1.4; }}
.smtpnb-panel .smtpnb-words {{ color: var(--smtpnb-aside); }}
.smtpnb-panel progress {{ width: 12em; vertical-align: middle; }}
.smtpnb-panel pre {{ margin: 0; line-height: 1.4; white-space: pre-wrap;
  word-break: normal; overflow-wrap: anywhere; color: inherit;
  font-family: var(--jp-code-font-family, monospace);
  font-size: var(--jp-code-font-size, 13px); }}
.smtpnb-panel .smtpnb-frame {{ border: 1px solid var(--smtpnb-line); }}
.smtpnb-panel .smtpnb-handle {{ position: sticky; top: 0; flex: 0 0 auto; z-index: 1;
  background: var(--jp-layout-color0, var(--smtpnb-ground));
  color: var(--smtpnb-aside); }}
.smtpnb-panel table {{ border-collapse: collapse; color: inherit; }}
.smtpnb-panel td, .smtpnb-panel th {{ text-align: left; padding: 2px 8px;
  vertical-align: top; overflow-wrap: anywhere; }}
.smtpnb-we {{ color: var(--smtpnb-we); }}
.smtpnb-good {{ color: var(--smtpnb-good); }}
.smtpnb-bad {{ color: var(--smtpnb-bad); }}
.smtpnb-warn {{ color: var(--smtpnb-warn); }}
.smtpnb-aside, .smtpnb-end {{ color: var(--smtpnb-aside); }}
.smtpnb-bar {{ display: inline-block; height: .8em; background: var(--smtpnb-we); }}
.smtpnb-diagram {{ display: block; width: 100%; max-width: 380px; }}
.smtpnb-diagram text {{ font: 11px var(--jp-ui-font-family, sans-serif);
  text-anchor: middle; fill: currentColor; stroke: none; }}
.smtpnb-diagram text.smtpnb-edge {{ font-size: 9px; fill: var(--smtpnb-aside);
  paint-order: stroke; stroke: var(--jp-layout-color0, var(--smtpnb-ground));
  stroke-width: 3px; }}
.smtpnb-diagram text.smtpnb-from-here {{ font-weight: 700; fill: var(--smtpnb-we);
  paint-order: stroke; stroke: var(--jp-layout-color0, var(--smtpnb-ground));
  stroke-width: 3px; }}
.smtpnb-diagram path {{ fill: none; }}
.smtpnb-diagram path.smtpnb-edge {{ stroke: var(--smtpnb-aside); opacity: .55; }}
.smtpnb-diagram path.smtpnb-edge.smtpnb-back {{
  stroke-dasharray: 2 4; opacity: .3; }}
.smtpnb-diagram path.smtpnb-from-here {{ stroke: var(--smtpnb-we); stroke-width: 2; }}
.smtpnb-diagram marker path {{ fill: context-stroke; stroke: none; }}
.smtpnb-state rect {{ fill: var(--jp-layout-color1, var(--smtpnb-ground));
  stroke: var(--smtpnb-line); }}
.smtpnb-here rect {{ fill: var(--smtpnb-we); stroke: var(--smtpnb-we); }}
.smtpnb-diagram .smtpnb-here text {{ fill: var(--smtpnb-ground); font-weight: 700; }}
.smtpnb-may ul {{ margin: 2px 0 0; padding-left: 1.3em; }}
.smtpnb-may li {{ line-height: 1.35; }}
</style>"""
