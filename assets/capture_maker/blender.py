"""Renders a room with Blender's Cycles; measures its truth by casting a ray through every pixel centre."""

from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix, Vector

from assets.capture_maker.rooms import HEIGHT, WIDTH, Room, Shot
from assets.capture_maker.shapes import Finish, Part
from assets.capture_maker.textures import shade

OPENGL_FROM_OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])
_ID = "capture_id"


def build(room: Room, *, samples: int) -> None:
    """Replace Blender's scene by the room."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    materials: dict[int, bpy.types.Material] = {}
    for placed in room.placed:
        _add_mesh(
            placed.name, placed.thing.parts, placed.object_to_world, placed.object_id, materials, bevel=0.0012
        )
    for structure in room.structures:
        _add_mesh(structure.name, structure.parts, np.eye(4), structure.structure_id, materials, bevel=0.0)
    _add_lights(room)
    _set_up_render(samples)


def render(shot: Shot, path: Path) -> None:
    """Write the picture without noise as PNG."""
    scene = bpy.context.scene
    _set_camera(shot)
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)


def measure(shot: Shot) -> tuple[np.ndarray, np.ndarray]:
    """Depth along +Z in metres [H, W] (0 = none) and ids [H, W] at the pixel centres."""
    scene, graph = bpy.context.scene, bpy.context.evaluated_depsgraph_get()
    camera_to_world = np.linalg.inv(shot.world_to_camera)
    origin = Vector(camera_to_world[:3, 3])
    x, y = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)
    rays = np.stack(
        [(x - shot.K[0, 2]) / shot.K[0, 0], (y - shot.K[1, 2]) / shot.K[1, 1], np.ones_like(x)], axis=-1
    )
    lengths = np.linalg.norm(rays, axis=-1)
    directions = (rays / lengths[..., None]) @ camera_to_world[:3, :3].T
    depth, ids = np.zeros((HEIGHT, WIDTH)), np.zeros((HEIGHT, WIDTH), np.uint16)
    for row in range(HEIGHT):
        for column in range(WIDTH):
            hit, place, _, _, thing, _ = scene.ray_cast(graph, origin, Vector(directions[row, column]))
            if hit:
                depth[row, column] = (place - origin).length / lengths[row, column]
                ids[row, column] = thing[_ID]
    return depth, ids


def _add_mesh(
    name: str,
    parts: list[Part],
    pose: np.ndarray,
    capture_id: int,
    materials: dict[int, bpy.types.Material],
    *,
    bevel: float,
) -> None:
    vertices, faces, uvs, slots, smooth = [], [], [], [], []
    mesh = bpy.data.meshes.new(name)
    slot_of: dict[int, int] = {}
    start = 0
    for part in parts:
        key = id(part.finish)
        if key not in materials:
            materials[key] = _material(part.finish, seed=len(materials))
        if key not in slot_of:
            slot_of[key] = len(mesh.materials)
            mesh.materials.append(materials[key])
        vertices.append(part.vertices)
        faces += [tuple(start + i for i in face) for face in part.faces]
        uvs += [uv for face in part.uvs for uv in face]
        slots += [slot_of[key]] * len(part.faces)
        smooth += [part.smooth] * len(part.faces)
        start += len(part.vertices)
    mesh.from_pydata(np.concatenate(vertices).tolist(), [], faces)
    mesh.polygons.foreach_set("material_index", slots)
    mesh.polygons.foreach_set("use_smooth", smooth)
    mesh.uv_layers.new(name="uv").data.foreach_set("uv", np.asarray(uvs, np.float32).ravel())
    mesh.set_sharp_from_angle(angle=np.radians(42))
    mesh.update()
    thing = bpy.data.objects.new(name, mesh)
    thing.matrix_world = Matrix(pose.tolist())
    thing[_ID] = capture_id
    if bevel > 0:
        modifier = thing.modifiers.new("rounded edges", "BEVEL")
        modifier.width, modifier.segments, modifier.limit_method = bevel, 2, "ANGLE"
        modifier.angle_limit = np.radians(50)
    bpy.context.scene.collection.objects.link(thing)


def _material(finish: Finish, seed: int) -> bpy.types.Material:
    """Principled surface: an image, or two colours mixed by noise with a little bump."""
    material = bpy.data.materials.new(f"finish {seed}")
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    surface = nodes["Principled BSDF"]
    surface.inputs["Roughness"].default_value = finish.roughness
    surface.inputs["Metallic"].default_value = finish.metallic
    surface.inputs["Specular IOR Level"].default_value = 0.35
    coordinates = nodes.new("ShaderNodeTexCoord")
    mapping = nodes.new("ShaderNodeMapping")
    mapping.inputs["Location"].default_value = (seed * 0.71, seed * 1.37, seed * 0.29)
    links.new(coordinates.outputs["Object"], mapping.inputs["Vector"])
    if finish.image is not None:
        # Printed images carry their own grain: no noise to compute, which halves the time of a photo.
        picture = nodes.new("ShaderNodeTexImage")
        picture.image = _image(finish.image)
        links.new(coordinates.outputs["UV"], picture.inputs["Vector"])
        links.new(picture.outputs["Color"], surface.inputs["Base Color"])
        return material
    fine = _noise(nodes, links, mapping, finish.grain_per_m)
    ramp = nodes.new("ShaderNodeValToRGB")
    low, high = ramp.color_ramp.elements
    low.position, high.position = 0.42, 0.74
    low.color = (*_linear(finish.colour), 1.0)
    high.color = (*_linear(finish.second or shade(finish.colour, 1 - finish.mottle)), 1.0)
    links.new(fine, ramp.inputs["Fac"])
    links.new(ramp.outputs["Color"], surface.inputs["Base Color"])
    if finish.bump > 0:
        bump = nodes.new("ShaderNodeBump")
        bump.inputs["Strength"].default_value = finish.bump
        bump.inputs["Distance"].default_value = 0.001
        links.new(fine, bump.inputs["Height"])
        links.new(bump.outputs["Normal"], surface.inputs["Normal"])
    return material


def _noise(nodes, links, mapping, scale: float):
    noise = nodes.new("ShaderNodeTexNoise")
    noise.inputs["Scale"].default_value = scale
    noise.inputs["Detail"].default_value = 2.5
    links.new(mapping.outputs["Vector"], noise.inputs["Vector"])
    return noise.outputs["Fac"]


def _image(pixels: np.ndarray) -> bpy.types.Image:
    height, width = pixels.shape[:2]
    image = bpy.data.images.new("print", width, height)
    rgba = np.ones((height, width, 4), np.float32)
    rgba[..., :3] = pixels[::-1].astype(np.float32) / 255  # Blender's rows run upwards
    image.pixels.foreach_set(rgba.ravel())
    image.update()
    return image


def _linear(colour: tuple[int, int, int]) -> tuple[float, float, float]:
    value = np.asarray(colour, float) / 255
    red, green, blue = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return float(red), float(green), float(blue)


def _add_lights(room: Room) -> None:
    angle = room.light_angle_rad
    window = np.array([-np.sin(angle) * 1.9, -np.cos(angle) * 1.9, 2.25])
    _add_area_light("window", window, size=(1.0, 1.1), watts=150.0, colour=(1.0, 0.97, 0.93))
    lamp = np.array([0.9 * np.cos(angle), 0.1, 2.55])
    _add_area_light("lamp", lamp, size=(0.4, 0.4), watts=50.0 * room.warmth, colour=(1.0, 0.82, 0.6))
    world = bpy.data.worlds.new("sky")
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.80, 0.86, 1.0, 1.0)
    world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0.3
    bpy.context.scene.world = world


def _add_area_light(
    name: str, place: np.ndarray, *, size: tuple[float, float], watts: float, colour: tuple
) -> None:
    light = bpy.data.lights.new(name, "AREA")
    light.shape, light.size, light.size_y = "RECTANGLE", *size
    light.energy, light.color = watts, colour
    thing = bpy.data.objects.new(name, light)
    thing.location = place.tolist()
    towards = Vector((0.0, 0.0, 0.75)) - thing.location
    thing.rotation_euler = towards.to_track_quat("-Z", "Y").to_euler()
    thing.visible_camera = False
    bpy.context.scene.collection.objects.link(thing)


def _set_up_render(samples: int) -> None:
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples = samples
    scene.cycles.use_adaptive_sampling = False
    scene.cycles.max_bounces, scene.cycles.diffuse_bounces, scene.cycles.glossy_bounces = 3, 3, 2
    scene.cycles.use_denoising, scene.cycles.denoiser = True, "OPENIMAGEDENOISE"
    scene.cycles.sample_clamp_indirect = 6.0
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = (
        WIDTH,
        HEIGHT,
        100,
    )
    scene.render.use_persistent_data = True
    scene.render.image_settings.file_format = "PNG"
    scene.view_settings.view_transform = "AgX"
    scene.view_settings.exposure = -0.35
    scene.view_settings.look = "AgX - Medium High Contrast"
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    scene.collection.objects.link(camera)
    scene.camera = camera


def _set_camera(shot: Shot) -> None:
    camera = bpy.context.scene.camera
    camera.data.sensor_fit, camera.data.sensor_width = "HORIZONTAL", 36.0
    camera.data.lens = shot.K[0, 0] * 36.0 / WIDTH
    camera.data.clip_start = 0.01
    camera.matrix_world = Matrix((np.linalg.inv(shot.world_to_camera) @ OPENGL_FROM_OPENCV).tolist())
