import { ActionIcon, type ActionIconProps, Anchor, type AnchorProps, Button, type ButtonProps } from "@mantine/core";
import { createLink } from "@tanstack/react-router";
import type { Ref } from "react";

function ButtonElement(props: ButtonProps & { ref?: Ref<HTMLAnchorElement> }) {
  return <Button component="a" {...props} />;
}

interface IconProps extends ActionIconProps {
  "aria-label": string;
  ref?: Ref<HTMLAnchorElement>;
}

function IconElement(props: IconProps) {
  return <ActionIcon component="a" {...props} />;
}

function AnchorElement(props: AnchorProps & { ref?: Ref<HTMLAnchorElement> }) {
  return <Anchor {...props} />;
}

/** A button that leads to a page, with the page's parameters checked. */
export const LinkButton = createLink(ButtonElement);

/** The same as text. */
export const LinkAnchor = createLink(AnchorElement);

/** The same as a sign alone. */
export const LinkIcon = createLink(IconElement);
