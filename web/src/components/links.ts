import { Anchor, Button } from "@mantine/core";
import { createLink } from "@tanstack/react-router";

/** A button and a text that lead to a page, with its parameters checked. */
export const LinkButton = createLink(Button);
export const LinkAnchor = createLink(Anchor);
