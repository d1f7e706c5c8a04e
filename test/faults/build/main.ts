/*
 * nymvisor with fault points: the very sources of the release, on a disk and with processes that go wrong when they are
 * told to. Nothing of it is in `src`, so nothing of it is in a release.
 */
import "./install.ts";
import "../../../src/main.ts";
