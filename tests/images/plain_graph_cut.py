"""The graph cut as it reads, over arrays of the image's own size: what the quick one must equal."""

import math
from dataclasses import replace

import cv2
import numpy as np
from maxflow import GraphFloat

from fctsfn_tf.images.click_constraints import click_constraints
from fctsfn_tf.images.graph_cut import REFINED_BANDS
from fctsfn_tf.images.minimum_cut import NEIGHBOURS, contrast_scale


def plain_graph_cut(probability, image, clicks, parameters):
    """`graph_cut.graph_cut`, slowly."""
    height, width = probability.shape
    constraints = click_constraints(clicks, height, width, parameters.click_radius)
    mask = constrained(probability > 0.5, constraints)
    reach = max(1, round(parameters.reach * max(height, width)))
    unsure = (probability >= 1 - parameters.confident) & (probability <= parameters.confident)
    is_open = (unsure | near_contour(mask, reach)) & (constraints == 0)
    if is_open.sum() > parameters.max_nodes and min(height, width) > 1:
        mask = constrained(cut_at_half_size(probability, image, clicks, parameters), constraints)
        bands = [near_contour(mask, band) & (constraints == 0) for band in REFINED_BANDS]
        is_open = next((band for band in bands if band.sum() <= parameters.max_nodes), bands[-1])
    if is_open.any():
        mask[is_open] = plain_minimum_cut(probability, image, mask, is_open, parameters)
    return mask


def cut_at_half_size(probability, image, clicks, parameters):
    height, width = probability.shape
    size = (width + 1) // 2, (height + 1) // 2
    coarse = plain_graph_cut(
        cv2.resize(probability, size, interpolation=cv2.INTER_AREA).clip(0, 1),
        cv2.resize(image, size, interpolation=cv2.INTER_AREA),
        [click.scaled(size[1] / height, size[0] / width) for click in clicks],
        replace(
            parameters,
            smoothness=parameters.smoothness / 2,
            click_radius=parameters.click_radius / 2,
        ),
    )
    numbers = coarse.astype(np.uint8)
    return cv2.resize(numbers, (width, height), interpolation=cv2.INTER_NEAREST).astype(bool)


def constrained(mask, constraints):
    mask[constraints > 0] = True
    mask[constraints < 0] = False
    return mask


def near_contour(mask, distance):
    """By windows of a padded array: any pixel of the other side within ±`distance`."""
    side = 2 * distance + 1
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(mask, distance, mode="edge"), (side, side)
    )
    return windows.any(axis=(2, 3)) & ~windows.all(axis=(2, 3))


def plain_minimum_cut(probability, image, mask, is_open, parameters):
    """The labels of the open pixels, with a full-size array of nodes."""
    floor = parameters.probability_floor
    odds = probability[is_open].astype(np.float64).clip(floor, 1 - floor)
    cost_of_object, cost_of_background = -np.log(odds), -np.log(1 - odds)
    num_nodes = odds.size
    nodes = np.full(is_open.shape, -1)
    nodes[is_open] = np.arange(num_nodes)
    beta = contrast_scale(image)
    graph = GraphFloat(num_nodes, 4 * num_nodes)
    graph.add_nodes(num_nodes)
    height, width = mask.shape
    for down, right in NEIGHBOURS:
        first = np.s_[: height - down, max(-right, 0) : width - max(right, 0)]
        second = np.s_[down:, max(right, 0) : width + min(right, 0)]
        difference = image[first].astype(np.float32) - image[second].astype(np.float32)
        squared = np.einsum("ijk,ijk->ij", difference, difference).astype(np.float64)
        weight = parameters.smoothness / math.hypot(down, right) * np.exp(-beta * squared)
        node, other = nodes[first], nodes[second]
        both = (node >= 0) & (other >= 0)
        graph.add_edges(node[both], other[both], weight[both], weight[both])
        for pulled, pulling in ((node, mask[second]), (other, mask[first])):
            alone = ~both & (pulled >= 0)
            np.add.at(cost_of_background, pulled[alone & pulling], weight[alone & pulling])
            np.add.at(cost_of_object, pulled[alone & ~pulling], weight[alone & ~pulling])
    graph.add_grid_tedges(np.arange(num_nodes), cost_of_object, cost_of_background)
    graph.maxflow()
    return graph.get_grid_segments(np.arange(num_nodes))
