"""Gradio serves the page: by itself, without telemetry, without a share link."""

from __future__ import annotations

import os
from importlib.resources import files

from molflow.config import DemoConfig
from molflow.demo.making import offers
from molflow.errors import InputError

QUIET = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_RUN_HISTORY": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
"""Set before Gradio is imported."""
FONTS = ("system-ui", "sans-serif")
CODE_FONTS = ("ui-monospace", "Consolas", "monospace")
WAITING = 20
"""Visitors at most who wait for their run."""


def serve(config: DemoConfig, wait: bool = True) -> str:
    """Serve the page.

    Args:
        config: of the program.
        wait: until Ctrl-C; else the server goes on in a thread.

    Returns:
        The address of the page.

    Raises:
        InputError: the address cannot be listened at, or there is no such model.
    """
    os.environ.update(QUIET)
    import gradio as gr

    from molflow.demo.answers import Answers
    from molflow.demo.page import page

    blocks = page(Answers(offers(config.checkpoint))).queue(max_size=WAITING)
    theme = gr.themes.Default(
        primary_hue="indigo",
        neutral_hue="slate",
        font=[gr.themes.Font(name) for name in FONTS],
        font_mono=[gr.themes.Font(name) for name in CODE_FONTS],
    )
    try:
        _, address, _ = blocks.launch(
            server_name=config.host,
            server_port=config.port,
            share=False,
            prevent_thread_lock=True,
            quiet=True,
            enable_monitoring=False,
            ssr_mode=False,
            mcp_server=False,
            pwa=False,
            footer_links=[],
            theme=theme,
            head=head(),
        )
    except OSError as error:
        raise InputError(f"host={config.host} port={config.port}: {error}") from None
    print(f"the page is at {address} (Ctrl-C ends it)", flush=True)
    if wait:
        blocks.block_thread()
    return str(address)


def head() -> str:
    """Write styles and script as they are: what Gradio takes as ``css`` it writes anew."""
    styles = _read("molflow.demo", "page.css") + _read("molflow.report", "molecules.css")
    return f"<style>{styles}</style><script>{_read('molflow.demo', 'page.js')}</script>"


def _read(package: str, name: str) -> str:
    return files(package).joinpath(name).read_text("utf-8")
