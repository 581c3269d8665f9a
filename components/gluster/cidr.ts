export { address, type Range, range } from "../support/cidr.js";
